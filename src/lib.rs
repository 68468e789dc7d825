//! CORS policies for nginx.
