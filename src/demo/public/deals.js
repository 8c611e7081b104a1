import { byId, element } from './dom.js';

const EUROS = new Intl.NumberFormat('en', { style: 'currency', currency: 'EUR', maximumFractionDigits: 0 });

/** The deal that is open, by the address; null for none. */
export function openDeal() {
  const [, id] = /^#deal-(\d{1,9})$/.exec(location.hash) ?? [];
  return id === undefined ? null : Number(id);
}

/** Shows the deals. `assign(dealId, owner)` is called when somebody is chosen for one. */
export function showDeals(deals, { me, people, assign }) {
  const everybody = [...new Set([...people, me, ...deals.map((deal) => deal.owner)])];
  byId('deals').replaceChildren(...deals.map((deal) => row(deal, { me, everybody, assign })));
  markChosen();
}

/** Shows who else looks at which deal. @param usersAt gives the names for the id of a deal. */
export function showViewers(usersAt) {
  for (const deal of byId('deals').children) {
    const users = usersAt(Number(deal.id.replace('deal-', '')));
    const list = deal.querySelector('.viewers');
    const text = users.length > 0 ? `${users.join(', ')} ${users.length > 1 ? 'are' : 'is'} looking` : '';
    // Only what is new: a screen reader would say the old again.
    if (list.textContent !== text) list.textContent = text;
  }
}

/** Not by `:target`, which forgets a row that is made anew. */
function markChosen() {
  for (const deal of byId('deals').children) {
    const isOpen = location.hash === `#${deal.id}`;
    deal.classList.toggle('chosen', isOpen);
    const name = deal.querySelector('a');
    // A second click closes it.
    name.href = isOpen ? '#deals' : `#${deal.id}`;
    name.ariaCurrent = isOpen ? 'true' : null;
  }
}

window.addEventListener('hashchange', () => {
  markChosen();
  document.querySelector('.chosen')?.scrollIntoView({ block: 'nearest' });
});

function row(deal, { me, everybody, assign }) {
  const name = element('a', { textContent: deal.name });
  const company = element('small', { textContent: deal.company });
  const stage = element('span', { className: `stage ${deal.stage}`, textContent: deal.stage });
  const owner = element('span', { className: deal.owner === me ? 'mine' : '', textContent: deal.owner });
  const cells = [
    element('td', {}, name, company, element('span', { className: 'viewers', role: 'status' })),
    element('td', {}, stage),
    element('td', { className: 'amount', textContent: EUROS.format(deal.amount) }),
    element('td', {}, owner),
    element('td', {}, chooser(deal, everybody, assign)),
  ];
  return element('tr', { id: `deal-${deal.id}` }, ...cells);
}

function chooser(deal, everybody, assign) {
  const select = element(
    'select',
    { ariaLabel: `Assign ${deal.name} to` },
    element('option', { value: '', textContent: 'choose…' }),
    ...everybody.filter((user) => user !== deal.owner).map((user) => element('option', { value: user }, user)),
  );
  select.addEventListener('change', () => {
    select.disabled = true;
    assign(deal.id, select.value);
  });
  return select;
}
