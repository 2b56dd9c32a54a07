//go:build !slow

package user

import "time"

const soakHandoffs = 4_000

// propertyTime bounds TestPropertyHandoffs, unless the machine is so busy that it has not
// seen everything by then.
const propertyTime = 2 * time.Second
