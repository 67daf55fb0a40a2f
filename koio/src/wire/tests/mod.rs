//! Bytes in, values out.

mod relay;
