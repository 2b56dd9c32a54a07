package modes

// Lender lends pages to the regions of a function that more than this function can read:
// pages of a file, which another process maps as well.
type Lender interface {
	// BeforeFill may put other pages in the place of a buffer's (Region.MayMove), whose content is
	// about to be overwritten. What these contain the function may see: nothing but what it has
	// written itself.
	BeforeFill(region *Region)
	// BeforeFree takes lent pages out of a region before the guest gets its memory back. It is
	// called for every region that has MayMove, lent to or not, and leaves anonymous pages there.
	BeforeFree(region *Region)
}

// SetLender makes the lender known; a function has one or none. Close does not call it:
// with the memory all that was lent is unmapped.
func (f *Function) SetLender(lender Lender) { f.lender = lender }
