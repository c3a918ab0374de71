//! Headers, the versions that we serve, parts of responses.
