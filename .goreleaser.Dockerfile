# The program and nothing else. goreleaser has it ready for each platform.
FROM scratch
ARG TARGETPLATFORM
COPY $TARGETPLATFORM/kubectl-etcd_restore /usr/local/bin/kubectl-etcd_restore
COPY LICENSE /LICENSE
ENTRYPOINT ["/usr/local/bin/kubectl-etcd_restore"]
