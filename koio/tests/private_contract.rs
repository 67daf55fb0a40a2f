//! What `#[on]` expands to, by hand: the contract between koio and its macros.
#![forbid(unsafe_code)]

use koio::{Context, Result, State};

struct Db;

async fn send_msg(_ctx: Context, _db: State<Db>, text: String) -> Result<String> {
    Ok(text)
}

#[doc(hidden)]
#[allow(non_camel_case_types, dead_code)]
pub struct send_msg {}
const _: () = {
    impl ::koio::__private::Routed for send_msg {
        fn route(self) -> ::koio::__private::Route {
            use ::koio::__private::IntoReply as _;
            ::koio::__private::Route::new(
                ::koio::__private::Meta {
                    event: "sendMsg",
                    name: concat!(module_path!(), "::send_msg"),
                    file: file!(),
                    line: line!(),
                },
                |__ctx: ::koio::__private::Context| async move {
                    let mut __args = ::koio::__private::Arguments::new(&__ctx);
                    let __a0 = __args.read::<Context>("_ctx").await?;
                    let __a1 = __args.read::<State<Db>>("_db").await?;
                    let __a2 = __args.read::<String>("text").await?;
                    __args.finish()?;
                    ::koio::__private::Out(send_msg(__a0, __a1, __a2).await).into_reply()
                },
            )
            .arg::<Context>("_ctx")
            .arg::<State<Db>>("_db")
            .arg::<String>("text")
            .answer::<Result<String>>()
        }
    }
    ::koio::__private::register!(send_msg {});
};

async fn bye() {}
#[allow(non_camel_case_types, dead_code)]
pub struct bye {}
impl ::koio::__private::Routed for bye {
    fn route(self) -> ::koio::__private::Route {
        #[allow(unused_imports)]
        use ::koio::__private::IntoReply as _;
        ::koio::__private::Route::new(
            ::koio::__private::Meta {
                event: "disconnect",
                name: concat!(module_path!(), "::bye"),
                file: file!(),
                line: line!(),
            },
            |__ctx: ::koio::__private::Context| async move {
                let mut __args = ::koio::__private::Arguments::new(&__ctx);
                __args.finish()?;
                ::koio::__private::Out(bye().await).into_reply()
            },
        )
        .answer::<()>()
    }
}

#[test]
fn a_list_of_expanded_handlers_compiles_and_describes_itself() {
    let list = koio::__private::Handlers::new()
        .one(send_msg {})
        .one(bye {});
    let table = koio::Setup::new().state(Db).handlers(list).describe();
    assert_eq!(table.rows().len(), 2);
    println!("{table}");
}

#[cfg(feature = "discover")]
#[test]
fn the_attribute_alone_registers() {
    let table = koio::Setup::discover().describe();
    assert!(table.rows().iter().any(|row| row.event() == "sendMsg"));
}
