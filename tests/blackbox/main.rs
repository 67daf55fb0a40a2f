//! koio as a client sees it: the official protocol suites, bad input, and what other servers got
//! wrong. One binary, since linking is what costs; a module per subject.

mod bad;
mod defects;
mod delivery;
mod direct;
mod documents;
mod fair;
mod left_out;
mod papers;
mod program;
mod readme;
mod scene;
mod suites;
mod upstream;
