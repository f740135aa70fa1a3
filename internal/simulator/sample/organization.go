// Package sample holds the names and prices that the simulators fill themselves with, so that organization i
// of the simulated marketplace and company i of the simulated ConnectWise are recognisably the same customer.
//
// Everything is a pure function of its index: the same index gives the same answer in every process. The
// package knows nothing of either simulator. Start reading at OrganizationAt and OfferAt.
package sample

import "fmt"

// Organization is one believable customer.
type Organization struct {
	// Name is at most 50 characters and unique for the first 200,000 organizations.
	Name string
	// Country is the English name of the country, CountryCode its ISO 3166 code.
	Country, CountryCode string
	City                 string
	// Currency is the ISO 4217 code the organization is billed in.
	Currency string
	// Domain is the top-level domain of the country, such as "de".
	Domain string
}

// OrganizationName returns the name of organization i, counted from 0.
func OrganizationName(i int) string { return OrganizationAt(i).Name }

// OrganizationAt returns organization i, counted from 0. Neighbours come from different countries.
func OrganizationAt(i int) Organization {
	home := &homes[i%len(homes)]
	within := i / len(homes)
	name := home.name(within%home.pairs(), (i%len(homes)+1)*startStride)
	if round := within / home.pairs(); round > 0 {
		name = fmt.Sprintf("%s %d", name, round+1)
	}
	return Organization{
		Name:        name,
		Country:     home.country,
		CountryCode: home.code,
		City:        home.places[within%len(home.places)],
		Currency:    home.currency,
		Domain:      home.domain,
	}
}

// country is the material names of one country are made of. Its legal form makes its names differ from
// those of every other country.
type country struct {
	country, code, currency, domain string
	legalForm                       string
	families                        []string
	places                          []string
	trades                          []string
}

// The strides walk through all combinations in an order that looks shuffled; being primes larger than any
// list, they share no factor with the number of combinations. Every country starts at its own place, lest
// neighbours read alike.
const (
	startStride  = 1009
	singleStride = 787
	pairStride   = 7919
)

// name returns the n-th name of the country, starting the walk at start. Names of one family or place
// alternate with names of two families until the former run out.
func (c *country) name(n, start int) string {
	singles := (len(c.families) + len(c.places)) * len(c.trades)
	half := n / 2
	switch {
	case n%2 == 1 && half < singles:
		return c.single((start + half) * singleStride % singles)
	case n%2 == 1:
		return c.pair((start + c.pairs() - 1 - half) * pairStride % c.pairs())
	default:
		return c.pair((start + half) * pairStride % c.pairs())
	}
}

// pairs is how many names of two different families the country has.
func (c *country) pairs() int { return len(c.families) * (len(c.families) - 1) * len(c.trades) }

func (c *country) single(x int) string {
	heads := len(c.families) + len(c.places)
	head, trade := x%heads, c.trades[x/heads]
	if head < len(c.families) {
		return fmt.Sprintf("%s %s %s", c.families[head], trade, c.legalForm)
	}
	return fmt.Sprintf("%s %s %s", c.places[head-len(c.families)], trade, c.legalForm)
}

func (c *country) pair(x int) string {
	families := len(c.families)
	first, rest := x%families, x/families
	second := rest % (families - 1)
	if second >= first {
		second++
	}
	return fmt.Sprintf("%s & %s %s %s", c.families[first], c.families[second], c.trades[rest/(families-1)], c.legalForm)
}
