//! What is left out by `#[cfg]` leaves nothing behind.

use koio::{describe::IntoRoutes as _, handlers, on};

#[on("gone")]
#[cfg(not(test))]
async fn gone(argument: NoSuchType) {}

#[cfg(not(test))]
#[on("gone above")]
async fn gone_above(argument: NoSuchType) {}

#[on("gone by an attribute")]
#[cfg_attr(test, cfg(not(test)), doc = "Never compiled.")]
async fn gone_by_attribute(argument: NoSuchType) {}

#[on("here")]
#[cfg(test)]
async fn here() {}

#[on("either")]
#[cfg(test)]
async fn either() {}

#[on("either")]
#[cfg(not(test))]
async fn either(argument: NoSuchType) {}

struct Chat;

#[on]
impl Chat {
    #[on("gone")]
    #[cfg(not(test))]
    async fn gone(&self, argument: NoSuchType) {}

    #[cfg(test)]
    #[on("here")]
    async fn here(&self) {}
}

struct Gone;

#[on]
#[cfg(not(test))]
impl Gone {
    #[on("gone")]
    async fn gone(&self) {}
}

#[test]
fn a_list_may_name_what_is_left_out() {
    let _ = Gone;
    let listed = handlers![
        #[cfg(not(test))]
        gone,
        #[cfg(not(test))]
        here,
        #[cfg(test)]
        here,
        either,
        #[cfg(not(test))]
        (Gone),
        (Chat),
    ];
    assert_eq!(listed.into_routes().len(), 3);
}
