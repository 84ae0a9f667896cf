// Package buildinfo is what the Go toolchain stamped into this binary: which
// version it is, of which commit.
package buildinfo

import (
	"runtime"
	"runtime/debug"
)

// Info identifies the binary. The version is the module's tag, or one derived from
// the commit, as git describe would.
type Info struct {
	Version  string `json:"version"`
	Commit   string `json:"commit,omitempty"`
	Modified bool   `json:"modified,omitempty"` // the tree had changes
	Go       string `json:"goVersion"`
	Platform string `json:"platform"`
}

// Read reads what is stamped in.
func Read() Info {
	v := Info{Version: "unknown", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	v.Version = info.Main.Version
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Commit = s.Value
		case "vcs.modified":
			v.Modified = s.Value == "true"
		}
	}
	return v
}
