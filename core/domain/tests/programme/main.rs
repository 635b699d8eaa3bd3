//! The programme as data: forms, packages, answers.

#[cfg(test)]
mod builtin;
#[cfg(test)]
mod entry;
#[cfg(test)]
mod fields;
#[cfg(test)]
mod forms;
#[cfg(test)]
mod guide;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod live;
#[cfg(test)]
mod package;
#[cfg(test)]
mod surveys;
