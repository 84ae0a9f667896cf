package staticpod

import "fmt"

// FlagFile is the file that a flag of a program names: as the program knows it, and
// where on the node it is. Both are "" if the flag is not given.
func (m *Manifest) FlagFile(program, name string) (value, hostPath string, err error) {
	value, err = m.FlagValue(program, name)
	if err != nil || value == "" {
		return "", "", err
	}
	c, err := m.Program(program)
	if err != nil {
		return "", "", err
	}
	if hostPath, err = m.HostPath(c, value); err != nil {
		return "", "", fmt.Errorf("--%s: %w", name, err)
	}
	return value, hostPath, nil
}

// FlagValue is the value of a flag of a program, "" if it is not given.
func (m *Manifest) FlagValue(program, name string) (string, error) {
	c, err := m.Program(program)
	if err != nil {
		return "", err
	}
	flags, err := c.ProgramFlags(program)
	if err != nil {
		return "", err
	}
	flag, err := flags.Get(name)
	return flag.Value, err
}
