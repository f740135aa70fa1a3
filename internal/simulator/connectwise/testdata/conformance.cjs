// Drives the client library connectwise-rest against a simulator and prints one line of JSON per check:
// {"name": …, "problem": null or what went wrong}. CONNECTWISE_HOST is host:port, served over TLS.
const assert = require('node:assert/strict')
const { ManageAPI } = require('connectwise-rest')

const silent = () => {}
function connect(privateKey = 'private', more = {}) {
  return new ManageAPI({
    companyId: 'demo', publicKey: 'public', privateKey, clientId: '3f0a4a2e-0000-4000-8000-000000000000',
    companyUrl: process.env.CONNECTWISE_HOST, apiVersion: '2025.1', logger: silent, ...more,
  })
}

const cwm = connect()
const midnight = (day) => `${day}T00:00:00Z`
const replace = (path, value) => [{ op: 'replace', path, value }]

// rejection returns what a call is rejected with; the library throws plain objects with a status and data.
async function rejection(promise) {
  try {
    await promise
  } catch (error) {
    return error
  }
  throw new Error('the call succeeded')
}

const checks = {
  'system info': async () => {
    const info = await cwm.SystemAPI.getSystemInfo()
    assert.match(info.version, /^v\d{4}\.\d/)
  },

  'companies: create, read, patch, replace, delete, delete again': async () => {
    const made = await cwm.CompanyAPI.postCompanyCompanies({ identifier: 'ODonnell', name: "O'Donnell & Söhne", site: { name: 'Main' } })
    assert.equal(made.name, "O'Donnell & Söhne")
    assert.equal(made.status.name, 'Active')
    const read = await cwm.CompanyAPI.getCompanyCompaniesById(made.id)
    assert.deepEqual(read, made)
    const patched = await cwm.CompanyAPI.patchCompanyCompaniesById(made.id, replace('city', 'Köln'))
    assert.equal(patched.city, 'Köln')
    const { _info, ...rest } = patched
    const replaced = await cwm.CompanyAPI.putCompanyCompaniesById(made.id, { ...rest, city: undefined, name: 'Renamed' })
    assert.equal(replaced.name, 'Renamed')
    assert.equal('city' in replaced, false)
    assert.equal(await cwm.CompanyAPI.deleteCompanyCompaniesById(made.id), '')
    assert.equal((await cwm.CompanyAPI.getCompanyCompaniesById(made.id)).deletedFlag, true)
    assert.equal((await rejection(cwm.CompanyAPI.deleteCompanyCompaniesById(made.id))).status, 404)
  },

  'companies: count with a condition': async () => {
    const { count } = await cwm.CompanyAPI.getCompanyCompaniesCount({ conditions: 'deletedFlag = false and id <= 60' })
    const list = await cwm.CompanyAPI.getCompanyCompanies({ conditions: 'deletedFlag = false and id <= 60', pageSize: 1000 })
    assert.equal(count, list.length)
    assert.equal(count, 59)
  },

  'companies: condition with an apostrophe, an ampersand and a plus': async () => {
    const made = await cwm.CompanyAPI.postCompanyCompanies({ identifier: 'plus', name: 'A+B & C\'s "D"' })
    const found = await cwm.CompanyAPI.getCompanyCompanies({ conditions: 'name = "A+B & C\'s \\"D\\""', fields: 'id,name' })
    assert.deepEqual(found, [{ id: made.id, name: 'A+B & C\'s "D"' }])
  },

  'companies: child conditions': async () => {
    const customers = await cwm.CompanyAPI.getCompanyCompanies({ childConditions: 'types/name = "Customer"', fields: 'id', pageSize: 3 })
    assert.equal(customers.length, 3)
  },

  'paginate: pages of one': async () => {
    const all = await cwm.paginate(cwm.FinanceAPI.getFinanceAgreementsTypes, { pageSize: 1 }, { orderBy: 'id asc' })
    assert.deepEqual(all.map((type) => type.id), [1, 2, 3, 4, 5])
  },

  'paginate: an exact multiple of the page size': async () => {
    const { count } = await cwm.ProcurementAPI.getProcurementCatalogCount({ conditions: 'id <= 100' })
    assert.equal(count, 100)
    const all = await cwm.paginate(cwm.ProcurementAPI.getProcurementCatalog, { pageSize: 25 }, { conditions: 'id <= 100', fields: 'id' })
    assert.deepEqual(all.map((item) => item.id), Array.from({ length: 100 }, (_, i) => i + 1))
  },

  'paginate: pages of a thousand': async () => {
    const all = await cwm.paginate(cwm.ProcurementAPI.getProcurementCatalog, { pageSize: 1000 }, { conditions: 'id <= 1100', fields: 'id' })
    assert.equal(new Set(all.map((item) => item.id)).size, 1100)
  },

  'paginate: past the end': async () => {
    assert.deepEqual(await cwm.ProcurementAPI.getProcurementCatalog({ page: 999, pageSize: 1000 }), [])
    assert.deepEqual(await cwm.paginate(cwm.ProcurementAPI.getProcurementCatalog, { pageSize: 1000, startPage: 999 }, {}), [])
  },

  'lists: 25 rows by default, 1000 at most': async () => {
    assert.equal((await cwm.ProcurementAPI.getProcurementCatalog()).length, 25)
    assert.equal((await cwm.ProcurementAPI.getProcurementCatalog({ pageSize: 5000, fields: 'id' })).length, 1000)
  },

  'catalog: create, read by identifier, patch, delete': async () => {
    const [subcategory] = await cwm.ProcurementAPI.getProcurementSubcategories()
    const [type] = await cwm.ProcurementAPI.getProcurementTypes()
    const made = await cwm.ProcurementAPI.postProcurementCatalog({
      identifier: 'CONFORMANCE', description: 'A product', customerDescription: 'A product for you',
      subcategory: { id: subcategory.id }, type: { id: type.id }, price: 12.345, cost: 9.87,
    })
    assert.equal(made.price, 12.345)
    const [found] = await cwm.ProcurementAPI.getProcurementCatalog({ conditions: 'identifier="CONFORMANCE"' })
    assert.deepEqual(found, made)
    const patched = await cwm.ProcurementAPI.patchProcurementCatalogById(made.id, replace('inactiveFlag', true))
    assert.equal(patched.inactiveFlag, true)
    assert.equal(await cwm.ProcurementAPI.deleteProcurementCatalogById(made.id), '')
    assert.equal((await rejection(cwm.ProcurementAPI.getProcurementCatalogById(made.id))).data.code, 'NotFound')
  },

  'agreements and additions from end to end': async () => {
    const company = await cwm.CompanyAPI.getCompanyCompaniesById(1)
    const [type] = await cwm.FinanceAPI.getFinanceAgreementsTypes({ conditions: 'name = "Cloud Subscriptions" and inactiveFlag = false' })
    const agreement = await cwm.FinanceAPI.postFinanceAgreements({
      name: 'Conformance', type: { id: type.id }, company: { id: company.id }, contact: { id: company.defaultContact.id },
      startDate: midnight('2026-01-01'), billStartDate: midnight('2026-01-01'), noEndingDateFlag: true,
    })
    assert.equal(agreement.agreementStatus, 'Active')
    assert.equal(agreement.currency.currencyCode, company.currency.currencyCode)

    const made = await cwm.FinanceAPI.postFinanceAgreementsByParentIdAdditions(agreement.id, {
      product: { id: 1 }, quantity: 3, billCustomer: 'Billable', effectiveDate: midnight('2026-05-01'),
      invoiceDescription: 'first line\nsecond line [x] #A1B2',
    })
    assert.equal(made.invoiceDescription, 'first line second line [x] #A1B2')
    assert.equal(made.agreementId, agreement.id)
    assert.equal(made.extPrice, made.quantity * made.unitPrice)

    const params = {
      conditions: 'invoiceDescription like "%[[]x] #A1B2%" and cancelledDate = null', orderBy: 'id asc',
      fields: 'id,product/identifier', pageSize: 1000, page: 1,
    }
    const found = await cwm.FinanceAPI.getFinanceAgreementsByParentIdAdditions(agreement.id, params)
    assert.deepEqual(found, [{ id: made.id, product: { identifier: made.product.identifier } }])
    const { count } = await cwm.FinanceAPI.getFinanceAgreementsByParentIdAdditionsCount(agreement.id, { conditions: 'product/id = 1' })
    assert.equal(count, 1)

    const patched = await cwm.FinanceAPI.patchFinanceAgreementsByParentIdAdditionsById(made.id, agreement.id, replace('quantity', 2.5))
    assert.equal(patched.quantity, 2.5)
    const trapped = await cwm.FinanceAPI.patchFinanceAgreementsByParentIdAdditionsById(made.id, agreement.id, replace('product/id', 2))
    assert.equal(trapped.product.id, 1)
    assert.equal(await cwm.FinanceAPI.deleteFinanceAgreementsByParentIdAdditionsById(made.id, agreement.id), '')
    assert.equal(await cwm.FinanceAPI.deleteFinanceAgreementsById(agreement.id), '')
  },

  'errors: a missing field': async () => {
    const { status, data } = await rejection(cwm.CompanyAPI.postCompanyCompanies({ identifier: 'nameless' }))
    assert.equal(status, 400)
    assert.deepEqual(data, {
      code: 'InvalidObject', message: 'company object is invalid',
      errors: [{ code: 'MissingRequiredField', message: 'The name field is required.', resource: 'company', field: 'name' }],
    })
  },

  'errors: a condition with an unknown name': async () => {
    const { status, data } = await rejection(cwm.CompanyAPI.getCompanyCompanies({ conditions: 'nmae = "x"' }))
    assert.equal(status, 400)
    assert.deepEqual(data, { code: 'ApiFindCondition', message: 'nmae is not a recognized name.', errors: null })
  },

  'errors: wrong keys and no clientId': async () => {
    assert.equal((await rejection(connect('wrong').SystemAPI.getSystemInfo())).status, 401)
    const anonymous = await rejection(connect('private', { clientId: ' ' }).SystemAPI.getSystemInfo())
    assert.equal(anonymous.status, 403)
    assert.equal(anonymous.data.code, 'Security')
  },

  'errors: an endpoint that does not exist': async () => {
    const { status, data } = await rejection(cwm.request({ path: '/finance/agreements/statuses', method: 'get' }))
    assert.equal(status, 404)
    assert.equal(data.code, 'ConnectWiseApi')
  },
}

async function main() {
  for (const [name, check] of Object.entries(checks)) {
    let problem = null
    try {
      await check()
    } catch (error) {
      problem = error.stack || JSON.stringify(error)
    }
    console.log(JSON.stringify({ name, problem }))
  }
}

main()
