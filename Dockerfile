# The emulator of the service: docs/guides/acceptance-tests.md describes how to build and run the image.
ARG RUST_IMAGE=docker.io/library/rust:1.95-slim-bookworm
FROM ${RUST_IMAGE} AS build
WORKDIR /source
COPY . .
# The program is static, because the image has no C library, and reads random numbers from the kernel without /dev. With
# --target, the flags do not apply to build scripts.
RUN target=$(rustc -vV | sed -n 's/^host: //p') \
    && RUSTFLAGS='-C target-feature=+crt-static --cfg getrandom_backend="linux_getrandom"' \
       cargo build --locked --release --bin dli-emulator --target "$target" \
    && mkdir -p /image/data \
    && cp "target/$target/release/dli-emulator" /image/

FROM scratch
COPY --from=build --chown=65532:65532 /image/ /
USER 65532:65532
EXPOSE 7080
VOLUME /data
# A published port does not reach a loopback address in the container.
ENTRYPOINT ["/dli-emulator", "--host", "0.0.0.0"]
