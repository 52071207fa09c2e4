//! Settings as users have them: the documents' JSON, files in their order, the environment on top.

#[cfg(test)]
mod loading;
