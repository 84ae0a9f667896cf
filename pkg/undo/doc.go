// Package undo puts chosen objects of a snapshot back into a living cluster, through
// its API server.
//
// Nothing is removed, and what is there is replaced only if that is asked for. A
// [Plan] says of every object what becomes of it, after the API server was asked in a
// dry run; carrying it out goes in steps, in each of which the objects that others
// need come first:
//
//	CRDs, namespaces, accounts, settings, services, custom resources, workloads, guards
//
// An object that is created anew gets another UID, and what it owned has to refer to
// that one, or the garbage collector takes it. What a controller makes by itself is
// left to it.
package undo
