//go:build !unix

package durable

import "errors"

// OwnerOf is for systems with numeric owners.
func OwnerOf(string) (*Owner, error) { return nil, errors.ErrUnsupported }
