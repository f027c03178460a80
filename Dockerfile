# Two stages: the Go toolchain builds a static binary; the image holds that
# binary, the CA roots and nothing else: no shell, no package manager, no root.
# The tag follows the patch releases of Go, which mend faults of TLS and HTTP: build with
# --pull, or an older one that the machine has is taken.
FROM docker.io/library/golang:1.26 AS build
ARG VERSION=development
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /out/apim-edge ./cmd/apim-edge

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/apim-edge /apim-edge
USER 65532:65532
EXPOSE 8080 9090
# In a container the admin listener must be reachable from outside the process's
# own loopback only where somebody publishes the port.
HEALTHCHECK --interval=10s --timeout=3s --start-period=2s CMD ["/apim-edge", "health"]
ENTRYPOINT ["/apim-edge"]
CMD ["serve"]
