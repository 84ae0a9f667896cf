// Package high may use the network.
package high

import "net/http"

// Status comes from the network.
const Status = http.StatusTeapot
