package modes

import "fmt"

// Status is what the host's functions return to a guest: OK, or a negative number.
type Status int32

const (
	OK Status = 0
	// Invalid: a length of 0, or a region that reaches beyond the memory.
	Invalid Status = -1
	// UnknownRegion: no region begins at that pointer.
	UnknownRegion Status = -2
	// LengthDiffers: a region begins there, of another length.
	LengthDiffers Status = -3
	// Leased: a transfer still needs the region.
	Leased Status = -4
	// Released: the region was given back already.
	Released Status = -5
	// NoMemory: the host cannot take in more.
	NoMemory Status = -6
	// TransferFailed: at least one target did not get the payload.
	TransferFailed Status = -7
	// NotPossible: the call makes no sense at this moment, or in this function.
	NotPossible Status = -8
)

func (s Status) String() string {
	texts := [...]string{
		"ok",
		"-1, invalid pointer or length",
		"-2, unknown region",
		"-3, length differs from the region's",
		"-4, region is leased",
		"-5, region was released already",
		"-6, no memory",
		"-7, transfer failed",
		"-8, not possible here",
	}
	if i := -int(s); i >= 0 && i < len(texts) {
		return texts[i]
	}
	return fmt.Sprintf("%d, no status of the ABI", int32(s))
}
