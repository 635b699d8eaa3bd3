//! The demo of Alongside: the only place, with the tests, that knows both phone and server.

pub mod demo;
pub mod stop;
