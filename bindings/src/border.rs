//! What crosses the border. Each item repeats one of the core: its documentation is what the other
//! languages show.

mod error;
mod forms;
mod ids;
mod media;
mod records;
mod screens;
mod settings;
mod sync;
mod waiting;
