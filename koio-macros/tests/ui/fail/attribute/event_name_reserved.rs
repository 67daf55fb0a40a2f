use koio::{Context, on};

#[on("connect")]
async fn connect(_ctx: Context) {}

#[on("connect_error")]
async fn connect_error(_ctx: Context) {}

#[on("disconnecting")]
async fn disconnecting(_ctx: Context) {}

#[on("newListener")]
async fn new_listener(_ctx: Context) {}

#[on("removeListener")]
async fn remove_listener(_ctx: Context) {}

// These three mean something of their own.
#[on("connection")]
async fn connection(_ctx: Context) {}

#[on("disconnect")]
async fn disconnect(_ctx: Context) {}

#[on("*")]
async fn anything(_ctx: Context) {}

fn main() {}
