// Package release makes a release of the last commit as a maintainer does, but publishes
// nothing, and installs what comes out as users do: with krew and a real kubectl, with
// dpkg, out of an archive. Its tests have the build tag release and are run with
//
//	make test-release
//
// which builds goreleaser, krew and kubectl from the modules beside it into bin/tools. They
// need Linux, git, make, and of Debian dpkg, bash and man; neither root nor a network but
// that of the Go modules.
package release
