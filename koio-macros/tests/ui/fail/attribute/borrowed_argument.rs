use std::borrow::Cow;

use koio::{Context, State, on};

#[on("text")]
async fn text(_ctx: Context, _text: &str) {}

#[on("context")]
async fn context(_ctx: &mut Context) {}

#[on("bytes")]
async fn bytes(_bytes: &'static [u8], _more: Option<&str>) {}

#[on("cow")]
async fn cow(_text: Cow<'_, str>) {}

// These borrow nothing from the packet.
#[on("fine")]
async fn fine(_text: Cow<'static, str>) {}

fn main() {}
