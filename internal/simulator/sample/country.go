package sample

// homes are the countries that organizations come from, in the order they take turns. Nothing changes them.
var homes = [...]country{
	{
		country: "United States", code: "US", currency: "USD", domain: "com", legalForm: "Inc.",
		families: []string{
			"Anderson", "Baker", "Brooks", "Carter", "Coleman", "Cooper", "Davis", "Diaz", "Edwards", "Ellis", "Fisher",
			"Foster", "Garcia", "Gibson", "Graham", "Grant", "Hansen", "Harper", "Hayes", "Hughes", "Jenkins", "Kelly",
			"Lopez", "Marshall", "Mason", "McCoy", "Morgan", "Murphy", "Nguyen", "O'Donnell", "Parker", "Patel", "Perry",
			"Powell", "Ramirez", "Reed", "Russell", "Sullivan", "Wallace", "Washington",
		},
		places: []string{
			"Boston", "Chicago", "Dallas", "Denver", "Detroit", "Houston", "Miami", "Milwaukee", "Nashville", "Oakland",
			"Omaha", "Orlando", "Phoenix", "Pittsburgh", "Portland", "Sacramento", "Seattle", "Tampa", "Toledo",
			"Tucson",
		},
		trades: []string{
			"Accounting", "Architects", "Auto Parts", "Bakery", "Builders", "Care Homes", "Ceramics", "Dental",
			"Engineering", "Farms", "Foods", "Freight", "Furniture", "Hardware", "Insurance", "Law Group", "Logistics",
			"Media", "Medical", "Optics", "Packaging", "Plumbing", "Roofing", "Textiles",
		},
	},
	{
		country: "United Kingdom", code: "GB", currency: "GBP", domain: "co.uk", legalForm: "Ltd",
		families: []string{
			"Abbott", "Atkinson", "Barnes", "Bennett", "Booth", "Bradley", "Burton", "Chapman", "Clarke", "Cunningham",
			"D'Arcy", "Dawson", "Elliott", "Fletcher", "Gallagher", "Goodwin", "Harrison", "Hodgson", "Holmes", "Ingham",
			"Jennings", "Kirby", "Lambert", "Marsden", "Newton", "Owen", "Pearson", "Pritchard", "Rhodes", "Saunders",
			"Shaw", "Sinclair", "Stokes", "Thornton", "Turner", "Wainwright", "Walsh", "Webster", "Whitaker", "Yates",
		},
		places: []string{
			"Aberdeen", "Bath", "Belfast", "Brighton", "Bristol", "Cambridge", "Cardiff", "Derby", "Exeter", "Glasgow",
			"Hull", "Ipswich", "Leeds", "Leicester", "Norwich", "Oxford", "Plymouth", "Sheffield", "Swansea", "York",
		},
		trades: []string{
			"Accountancy", "Antiques", "Brewing", "Catering", "Cleaning", "Conveyancing", "Couriers", "Electrical",
			"Estates", "Fabrication", "Fisheries", "Glazing", "Haulage", "Housing", "Joinery", "Lettings", "Marine",
			"Nurseries", "Opticians", "Printing", "Scaffolding", "Solicitors", "Surveyors", "Timber",
		},
	},
	{
		country: "Germany", code: "DE", currency: "EUR", domain: "de", legalForm: "GmbH",
		families: []string{
			"Bäcker", "Baumann", "Becker", "Böhm", "Brandt", "Dietrich", "Engel", "Fischer", "Förster", "Frank", "Fuchs",
			"Graf", "Günther", "Haas", "Hartmann", "Hoffmann", "Jäger", "Jansen", "Kaiser", "Keller", "Köhler", "König",
			"Krämer", "Krüger", "Lehmann", "Lorenz", "Möller", "Müller", "Neumann", "Richter", "Roth", "Schäfer",
			"Schröder", "Schulze", "Seidel", "Thoma", "Vogel", "Wagner", "Weiß", "Zimmermann",
		},
		places: []string{
			"Aachen", "Augsburg", "Berlin", "Bielefeld", "Bremen", "Dresden", "Erfurt", "Essen", "Freiburg", "Hamburg",
			"Hannover", "Kassel", "Köln", "Leipzig", "Lübeck", "Mainz", "München", "Nürnberg", "Rostock", "Würzburg",
		},
		trades: []string{
			"Anlagenbau", "Apotheken", "Bau", "Beratung", "Brauerei", "Druck", "Elektro", "Fahrzeugteile",
			"Feinmechanik", "Gebäudetechnik", "Großhandel", "Holzbau", "Immobilien", "Kältetechnik", "Logistik",
			"Maschinenbau", "Medizintechnik", "Metallbau", "Möbel", "Optik", "Pflege", "Spedition", "Steuerberatung",
			"Verlag",
		},
	},
	{
		country: "Sweden", code: "SE", currency: "SEK", domain: "se", legalForm: "AB",
		families: []string{
			"Åberg", "Åkesson", "Andersson", "Bergström", "Björk", "Blomqvist", "Dahlberg", "Edström", "Ekström",
			"Engström", "Eriksson", "Falk", "Forsberg", "Gustafsson", "Hägg", "Hedlund", "Holmgren", "Isaksson",
			"Johansson", "Källström", "Karlsson", "Lindqvist", "Löfgren", "Lundberg", "Magnusson", "Månsson", "Nordin",
			"Norén", "Nyström", "Öberg", "Öhman", "Persson", "Rosén", "Sandberg", "Sjögren", "Söderberg", "Ström",
			"Svensson", "Wallin", "Wikström",
		},
		places: []string{
			"Borås", "Eskilstuna", "Falun", "Gävle", "Göteborg", "Halmstad", "Helsingborg", "Jönköping", "Kalmar",
			"Karlstad", "Linköping", "Luleå", "Lund", "Malmö", "Norrköping", "Örebro", "Sundsvall", "Umeå", "Uppsala",
			"Västerås",
		},
		trades: []string{
			"Åkeri", "Arkitekter", "Bageri", "Bemanning", "Bygg", "Data", "Ekonomi", "El", "Fastigheter", "Fisk",
			"Grafiska", "Industri", "Juridik", "Kyl", "Livs", "Maskin", "Möbler", "Plåt", "Redovisning", "Rör", "Skog",
			"Städ", "Trä", "VVS",
		},
	},
	{
		country: "Ireland", code: "IE", currency: "EUR", domain: "ie", legalForm: "DAC",
		families: []string{
			"Boyle", "Brennan", "Burke", "Byrne", "Callaghan", "Connolly", "Daly", "Delaney", "Doherty", "Dolan",
			"Doyle", "Duffy", "Dunne", "Fitzgerald", "Flanagan", "Flynn", "Foley", "Healy", "Higgins", "Hogan", "Keane",
			"Kavanagh", "Keegan", "Kinsella", "Lynch", "Maguire", "McCarthy", "McGrath", "Moran", "Nolan", "O'Brien",
			"O'Connor", "O'Dwyer", "O'Grady", "O'Leary", "O'Neill", "O'Reilly", "O'Sullivan", "Quinn", "Tierney",
		},
		places: []string{
			"Athlone", "Bray", "Carlow", "Clonmel", "Cork", "Drogheda", "Dublin", "Dundalk", "Ennis", "Galway",
			"Kilkenny", "Killarney", "Limerick", "Navan", "Sligo", "Tralee", "Tullamore", "Waterford", "Westport",
			"Wexford",
		},
		trades: []string{
			"Accountants", "Agri", "Bakeries", "Brewing", "Civil Works", "Creameries", "Distilling", "Engineering",
			"Forestry", "Freight", "Garages", "Grain", "Hotels", "Insurance", "Knitwear", "Legal", "Motors", "Pharmacy",
			"Plant Hire", "Properties", "Publishing", "Seafood", "Stonework", "Veterinary",
		},
	},
	{
		country: "Netherlands", code: "NL", currency: "EUR", domain: "nl", legalForm: "B.V.",
		families: []string{
			"Bakker", "Blom", "Boer", "Bos", "Brouwer", "Dekker", "Dijkstra", "Driessen", "Evers", "Gerritsen", "Groen",
			"Haverkamp", "Hendriks", "Hermans", "Hoekstra", "Huisman", "Jacobs", "Kok", "Koster", "Kuiper", "Leeuwen",
			"Martens", "Meijer", "Mulder", "Peeters", "Pieters", "Postma", "Prins", "Schouten", "Smeets", "Smit",
			"Timmermans", "Veenstra", "Verhoeven", "Vermeulen", "Visser", "Vos", "Wessels", "Willems", "Zijlstra",
		},
		places: []string{
			"Almere", "Alkmaar", "Amersfoort", "Amsterdam", "Arnhem", "Breda", "Delft", "Deventer", "Eindhoven",
			"Enschede", "Gouda", "Groningen", "Haarlem", "Leiden", "Maastricht", "Nijmegen", "Rotterdam", "Tilburg",
			"Utrecht", "Zwolle",
		},
		trades: []string{
			"Administratie", "Adviseurs", "Bloemen", "Bouw", "Drukkerij", "Financiën", "Groothandel", "Horeca",
			"Installatie", "Interieur", "Juristen", "Koeltechniek", "Kwekerij", "Logistiek", "Makelaars", "Metaal",
			"Notarissen", "Scheepvaart", "Techniek", "Transport", "Uitgeverij", "Verpakking", "Zorg", "Zuivel",
		},
	},
	{
		country: "France", code: "FR", currency: "EUR", domain: "fr", legalForm: "SAS",
		families: []string{
			"Aubert", "Bernard", "Bertrand", "Blanchard", "Bonnet", "Boyer", "Brunet", "Carpentier", "Chevalier",
			"Clément", "D'Amboise", "Delacroix", "Deschamps", "Dubois", "Dufour", "Fabre", "Faure", "Fontaine",
			"Garnier", "Gauthier", "Girard", "Guérin", "L'Hermitte", "Lambert", "Lefèvre", "Legrand", "Lemaître",
			"Marchand", "Mercier", "Moreau", "Noël", "Perrin", "Picard", "Renard", "Rivière", "Rousseau", "Roux",
			"Thévenot", "Vasseur", "Vidal",
		},
		places: []string{
			"Amiens", "Angers", "Annecy", "Avignon", "Besançon", "Bordeaux", "Brest", "Caen", "Dijon", "Grenoble",
			"Lille", "Limoges", "Lyon", "Nancy", "Nantes", "Nîmes", "Orléans", "Reims", "Rennes", "Toulouse",
		},
		trades: []string{
			"Architecture", "Assurances", "Automobile", "Bâtiment", "Boulangerie", "Charpente", "Conseil", "Décoration",
			"Édition", "Électricité", "Expertise", "Formation", "Hôtellerie", "Immobilier", "Imprimerie", "Ingénierie",
			"Mécanique", "Menuiserie", "Meubles", "Paysage", "Plomberie", "Santé", "Transports", "Vignobles",
		},
	},
	{
		country: "Latvia", code: "LV", currency: "EUR", domain: "lv", legalForm: "SIA",
		families: []string{
			"Āboliņš", "Alksnis", "Apinis", "Avotiņš", "Balodis", "Bērziņš", "Bite", "Briedis", "Cīrulis", "Dreimanis",
			"Dūmiņš", "Eglītis", "Gailītis", "Grīnbergs", "Jansons", "Kalniņš", "Kārkliņš", "Kļaviņš", "Krastiņš",
			"Krūmiņš", "Lācis", "Lapiņš", "Liepiņš", "Lūsis", "Mednis", "Meiers", "Ozols", "Pētersons", "Priede", "Pūce",
			"Roze", "Rudzītis", "Siliņš", "Skuja", "Straume", "Strazdiņš", "Vanags", "Vītols", "Zariņš", "Zvirbulis",
		},
		places: []string{
			"Aizkraukle", "Balvi", "Bauska", "Cēsis", "Daugavpils", "Dobele", "Jelgava", "Jūrmala", "Kuldīga", "Liepāja",
			"Limbaži", "Madona", "Ogre", "Rēzekne", "Rīga", "Salaspils", "Sigulda", "Talsi", "Tukums", "Valmiera",
		},
		trades: []string{
			"Ainavas", "Apdare", "Aptieka", "Auto", "Būve", "Dārzs", "Elektro", "Enerģija", "Grāmatvedība", "Īpašumi",
			"Jumti", "Juristi", "Ķīmija", "Koks", "Logistika", "Maiznīca", "Mēbeles", "Metāls", "Piens", "Projekti",
			"Serviss", "Tekstils", "Tirdzniecība", "Zivis",
		},
	},
}
