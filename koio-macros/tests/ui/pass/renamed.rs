//! koio under another name, as `crate = path`.

use koio as sockets;

use sockets::describe::IntoRoutes as _;

#[sockets::on("ping", crate = sockets)]
async fn ping(_ctx: sockets::Context) -> u32 {
    1
}

struct Chat;

#[sockets::on(crate = crate::renamed::sockets, ns = "/chat")]
impl Chat {
    #[sockets::on("join")]
    async fn join(&self, name: String) -> String {
        name
    }
}

#[test]
fn the_path_is_used_for_everything() {
    let listed = sockets::handlers![crate = sockets; ping, (Chat)];
    assert_eq!(listed.into_routes().len(), 2);
}
