//go:build unix

package durable

import (
	"os"
	"syscall"
)

// OwnerOf returns the owner of an existing path, or of what a link leads to.
func OwnerOf(path string) (*Owner, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	label, err := labelOf(path)
	if err != nil {
		return nil, err
	}
	st, _ := info.Sys().(*syscall.Stat_t)
	return &Owner{UID: int(st.Uid), GID: int(st.Gid), Label: label}, nil
}
