// Package encryptioncheck finds out whether the configuration of an API server can read
// all that a database holds, before the API server has to.
//
// All values of a resource are encrypted with few keys, and say in the clear with which.
// They are counted by that, in one pass that looks no further into a value than its
// beginning; of each kind some are decrypted, or all.
package encryptioncheck
