package transport

import (
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
)

// Program is this program, as it is brought onto a node.
type Program struct {
	File   string // here
	Size   int64  // bytes
	SHA256 string // hex

	Machine string // that it is for, as uname -m calls it
}

// OpenProgram reads a program for the nodes; "" is the one that runs.
func OpenProgram(file string) (Program, error) {
	if file == "" {
		var err error
		if file, err = os.Executable(); err != nil {
			return Program{}, fmt.Errorf("%w: %w", ErrProgram, err)
		}
	}
	f, err := os.Open(file)
	if err != nil {
		return Program{}, fmt.Errorf("%w: %w", ErrProgram, err)
	}
	defer f.Close()
	machine := machineOf(f)
	if machine == "" {
		return Program{}, hint.New(fmt.Errorf("%w: %s is no program for Linux", ErrProgram, file),
			"give the one for Linux and the nodes' processors, from the release of the same version: --node-program FILE")
	}
	hash := sha256.New()
	n, err := io.Copy(hash, f)
	if err != nil {
		return Program{}, fmt.Errorf("%w: %w", ErrProgram, err)
	}
	return Program{File: file, Size: n, SHA256: hex.EncodeToString(hash.Sum(nil)), Machine: machine}, nil
}

// machineOf is what a program is for, "" if it is none.
func machineOf(r io.ReaderAt) string {
	f, err := elf.NewFile(r)
	if err != nil {
		return ""
	}
	switch f.Machine {
	case elf.EM_X86_64:
		return "x86_64"
	case elf.EM_AARCH64:
		return "aarch64"
	case elf.EM_PPC64:
		return "ppc64le"
	case elf.EM_S390:
		return "s390x"
	case elf.EM_RISCV:
		return "riscv64"
	}
	return f.Machine.String()
}

// Path is where the program is on a node.
func (p Program) Path() string { return path.Join(Programs, p.SHA256, "kubectl-etcd_restore") }
