package detached

// Running says whether a job of that name runs on this machine, whoever has started it.
func Running(folder, name string) (bool, error) {
	p, err := open(folder, name)
	if err != nil {
		return false, err
	}
	return p.runs(), nil
}
