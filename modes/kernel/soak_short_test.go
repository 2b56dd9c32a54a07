//go:build !slow

package kernel

import "time"

const soakHandoffs = 400

// propertyTime bounds TestPropertyHandoffs.
const propertyTime = 2 * time.Second
