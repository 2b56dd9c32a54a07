package modes

// Lender lends pages to the regions of a function that more than this function can read:
// pages of a file, which another process maps as well.
type Lender interface {
	// Lend may put other pages in the place of a region's (Region.MayMove), whose content
	// Prepare is about to overwrite.
	Lend(region *Region)
	// TakeBack takes lent pages out of a region before the guest gets its memory back. It is
	// told of every region that has MayMove, lent to or not, and leaves in place whatever
	// anonymous pages it finds or likes.
	TakeBack(region *Region)
}

// SetLender makes the lender known; a function has one or none. Close tells it of nothing:
// with the memory all that was lent is unmapped.
func (f *Function) SetLender(lender Lender) { f.lender = lender }
