package snapshot

// OpenAs opens a copy of the snapshot that messages are to call name: the copy
// may be gone by the time a person reads them.
func OpenAs(name, path string) (*File, error) {
	f, err := openShared(path)
	if err != nil {
		return nil, err
	}
	return open(name, f)
}
