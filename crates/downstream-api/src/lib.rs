//! Calls protected web APIs by name, with the right token attached.
