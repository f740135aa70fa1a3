package sample

// givenNames are common in all of the countries here. Nothing changes them.
var givenNames = [...]string{
	"Anna", "Martin", "Sofia", "Daniel", "Laura", "Peter", "Julia", "Thomas", "Emma", "Robert", "Nora", "Simon",
	"Elena", "Michael", "Clara", "David", "Maria", "Andreas", "Alice", "Victor", "Ingrid", "Patrick", "Hanna", "Oscar",
}

// PersonAt returns the given and the family name of somebody who works for organization i, counted from 0.
func PersonAt(i int) (given, family string) {
	home := &homes[i%len(homes)]
	within := i / len(homes)
	return givenNames[(within*7+i)%len(givenNames)], home.families[(within*11+3)%len(home.families)]
}
