//! The example, as a program would use it.

#[cfg(test)]
mod collector;
