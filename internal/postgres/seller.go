package postgres

import (
	"fmt"
	"strconv"
)

// SellerID names a tenant. Every row belongs to one and every query is made for one.
type SellerID int64

// String returns the id in the form people type it.
func (id SellerID) String() string { return strconv.FormatInt(int64(id), 10) }

// ParseSellerID reads the form String writes.
func ParseSellerID(s string) (SellerID, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n <= 0 {
		return 0, fmt.Errorf("%q is not a seller id", s)
	}
	return SellerID(n), nil
}
