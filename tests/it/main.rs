//! All integration tests in one binary, so that the dependencies are linked once.

mod acceptance;
mod architecture;
mod chaos;
mod credentials;
mod differential;
mod documentation;
mod emulator;
mod malformed_input;
mod plugin;
mod protocol;
mod provider;
mod python;
mod sdk;
