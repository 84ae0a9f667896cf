# The program and a shell, which helper pods start with: for --helper-image. goreleaser has
# the program ready for each platform.
FROM busybox:1.37-musl
ARG TARGETPLATFORM
COPY $TARGETPLATFORM/kubectl-etcd_restore /usr/local/bin/kubectl-etcd_restore
COPY LICENSE /LICENSE
ENTRYPOINT ["/usr/local/bin/kubectl-etcd_restore"]
