package limits

// pages is memory that begins on a page, every page of which has been touched: what a
// careful program keeps for its payloads.
type pages struct{ bytes []byte }

// resize makes it exactly size bytes long. Memory of the same size stays what it is.
func (p *pages) resize(size int64) error {
	if int64(len(p.bytes)) == size {
		return nil
	}
	if err := p.free(); err != nil {
		return err
	}
	bytes, err := mapPages(size)
	if err != nil {
		return err
	}
	p.bytes = bytes
	return nil
}

func (p *pages) free() error {
	bytes := p.bytes
	p.bytes = nil
	if bytes == nil {
		return nil
	}
	return unmapPages(bytes)
}
