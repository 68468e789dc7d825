//! Servers as functions: those that make a mistake, and sound ones.
