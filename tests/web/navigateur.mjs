// Looks at the pages of a running node in headless Chromium: `node navigateur.mjs REQUEST.json`, the request being
// {"url", "chromium", "liens": {"<reader>": "<one-time link>", …}, "images": "<folder>" | null}.
// Says what it looked at, one line each; ends with 1 and says why where anything is not as it must be.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';

const demande = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const ARGS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync'];

const LARGE = { width: 1280, height: 900 };
const ETROIT = { width: 320, height: 700 };
const VARIANTES = [
  { nom: 'clair', colorScheme: 'light', viewport: LARGE },
  { nom: 'sombre', colorScheme: 'dark', viewport: LARGE },
  { nom: 'étroit', colorScheme: 'light', viewport: ETROIT },
  { nom: 'étroit et sombre', colorScheme: 'dark', viewport: ETROIT },
  { nom: 'sans script', colorScheme: 'light', viewport: LARGE, sansScript: true },
  { nom: 'sans script, étroit et sombre', colorScheme: 'dark', viewport: ETROIT, sansScript: true },
];

const dehors = [];
const erreurs = [];

function surveille(context) {
  context.on('request', (request) => {
    if (!request.url().startsWith(`${demande.url}/`) && request.url() !== 'about:blank') dehors.push(request.url());
  });
  context.on('console', (message) => {
    // A page that is a no is a resource that failed to load, for the browser.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) erreurs.push(message.text());
  });
  context.on('weberror', (error) => erreurs.push(String(error.error())));
  return context;
}

// As a browser without JavaScript shows it, in one that has it (axe needs it): no script, and what stands for it shown.
async function sansScript(page) {
  await page.route(`${demande.url}/**`, async (route) => {
    if (route.request().resourceType() !== 'document') return route.continue();
    const reponse = await route.fetch({ maxRedirects: 0 });
    const texte = (await reponse.text()).replace(/<script[^>]*><\/script>/g, '').replaceAll('noscript>', 'div>');
    return route.fulfill({ response: reponse, body: texte });
  });
}

async function regarde(page, quoi) {
  await page.evaluate(axeSource);
  const { violations } = await page.evaluate(() => axe.run(document, { resultTypes: ['violations'] }));
  const dites = violations.map((v) => `${v.id}: ${v.help}\n  ${v.nodes.map((n) => `${n.target} ${n.failureSummary}`).join('\n  ')}`);
  assert.equal(dites.join('\n'), '', `axe-core: ${quoi}`);
  const large = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
  assert.ok(large[0] <= large[1], `${quoi}: wider than its screen: ${large}`);
  assert.equal(await page.locator('h1').count(), 1, quoi);
  console.log(`vu: ${quoi}`);
}

const browser = await chromium.launch({ executablePath: demande.chromium, args: ARGS, timeout: 60_000 });
try {
  // Nobody has come in.
  for (const { nom, sansScript: sans, ...options } of VARIANTES) {
    const context = surveille(await browser.newContext(options));
    const page = await context.newPage();
    if (sans) await sansScript(page);
    for (const adresse of ['/', '/actes', '/session?lien=rien']) {
      await page.goto(demande.url + adresse);
      await regarde(page, `${adresse}, dehors, ${nom}`);
    }
    await context.close();
  }

  // In by the links and their button, all at once (they hold five minutes); the first without JavaScript at all.
  const entrees = [];
  for (const [lecteur, lien] of Object.entries(demande.liens)) {
    const premier = entrees.length === 0;
    const entree = surveille(await browser.newContext({ javaScriptEnabled: !premier, viewport: LARGE }));
    const porte = await entree.newPage();
    await porte.goto(lien);
    if (!premier) await regarde(porte, `le lien, ${lecteur}`);
    await porte.getByRole('button', { name: 'Entrer' }).click();
    await porte.waitForURL(`${demande.url}/`);
    await porte.getByText('Vous lisez au nom de').waitFor();
    entrees.push({ lecteur, premier, entree, porte });
  }
  for (const { lecteur, premier, entree, porte } of entrees) {
    await porte.goto(`${demande.url}/actes`);
    await porte.getByLabel('État').selectOption('recu');
    await porte.getByRole('button', { name: 'Filtrer' }).click();
    await porte.waitForURL(/etat=recu/);
    assert.ok(await porte.locator('tbody tr').count() > 0, `${lecteur}: no act received`);
    const [cookie] = await entree.cookies();
    assert.ok(cookie.httpOnly && cookie.sameSite === 'Strict', JSON.stringify(cookie));
    // One act of each state that there is, and every kind of list.
    const adresses = ['/', '/actes', '/actes?etat=publie&nature=BF', '/actes?siren=x', '/actes/rien', '/journal', '/journal?constat=true'];
    for (const etat of ['transmis', 'recu', 'anomalie', 'annulation-demandee', 'annule', 'publie']) {
      await porte.goto(`${demande.url}/actes?etat=${etat}`);
      const acte = porte.locator('tbody th a').first();
      if (await acte.count()) adresses.push(await acte.getAttribute('href'));
    }
    assert.ok(adresses.length > 8, `${lecteur}: ${adresses}`);
    const storageState = await entree.storageState();
    // The same pages for another reader: half of the ways to look at them.
    for (const { nom, sansScript: sans, ...options } of VARIANTES.filter((_, n) => premier || n % 2 === 1)) {
      const context = surveille(await browser.newContext({ ...options, storageState, reducedMotion: 'reduce' }));
      const page = await context.newPage();
      if (sans) await sansScript(page);
      for (const adresse of adresses) {
        await page.goto(demande.url + adresse);
        const verdict = page.locator('#verdict');
        if (!sans && await verdict.count()) await verdict.getByText('Vérifié par ce navigateur').waitFor();
        if (sans && await verdict.count()) await page.getByText('Sans JavaScript, ce navigateur').waitFor();
        await page.locator('details').evaluateAll((all) => all.forEach((one) => { one.open = true; }));
        await regarde(page, `${adresse}, ${lecteur}, ${nom}`);
      }
      await context.close();
    }
    if (premier) await preuves(storageState, adresses.find((adresse) => adresse.startsWith('/actes/096')));
    if (demande.images) await images(lecteur, storageState, adresses);
    // Out by the button.
    await porte.goto(`${demande.url}/`);
    await porte.getByRole('button', { name: 'Sortir' }).click();
    await porte.getByRole('heading', { name: 'Entrer' }).waitFor();
    await porte.goto(`${demande.url}/actes`);
    await porte.getByRole('heading', { name: "Il faut d'abord entrer" }).waitFor();
    await entree.close();
  }
  assert.deepEqual(dehors, [], 'loaded from elsewhere');
  assert.deepEqual(erreurs, [], 'errors in the console');
} finally {
  await browser.close();
}

// A receipt that was altered in any part proves nothing, and the page says so.
async function preuves(storageState, adresse) {
  const context = surveille(await browser.newContext({ viewport: LARGE, storageState }));
  const page = await context.newPage();
  await page.goto(demande.url + adresse);
  await page.locator('#verdict').getByText('✓ Vérifié par ce navigateur').waitFor();
  assert.equal(await page.locator('#etapes li').count(), 3);
  // The keyboard: first of all past the menu.
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.className), 'evite');
  await page.keyboard.press('Enter');
  assert.equal(new URL(page.url()).hash, '#contenu');
  const tourne = (base64, at) => {
    const bytes = Buffer.from(base64, 'base64');
    bytes[at < 0 ? bytes.length + at : at] ^= 1;
    return bytes.toString('base64');
  };
  const ligne = (texte, choix, change) => texte.split('\n').map((l, n, all) => (choix(l, n, all) ? change(l) : l)).join('\n');
  const alterations = {
    "l'événement": (recu) => { recu.leaf = tourne(recu.leaf, -2); },
    "l'heure dans l'événement": (recu) => { recu.leaf = tourne(recu.leaf, 8); },
    'la preuve': (recu) => { recu.proof = ligne(recu.proof, (l, n) => n === 2, (l) => tourne(l, 0)); },
    'la signature de la tête': (recu) => { recu.proof = ligne(recu.proof, (l) => l.startsWith('— '), (l) => l.replace(/[^ ]+$/, (s) => tourne(s, 20))); },
    'la taille signée': (recu) => { recu.proof = recu.proof.replace(/\n\n([^\n]+\n)([0-9]+)\n/, (_, nom, taille) => `\n\n${nom}${Number(taille) + 1}\n`); },
    "l'identité": (recu) => { recu.id = recu.id.replace(/.$/, (c) => (c === '0' ? '1' : '0')); },
    "l'heure": (recu) => { recu.recorded_at = '2020-01-01T00:00:00Z'; },
    "l'indice": (recu) => { recu.index += 1; },
    'un autre reçu, bon': 'autre',
  };
  for (const [quoi, altere] of Object.entries(alterations)) {
    await page.unrouteAll();
    await page.route('**/recus/*', async (route) => {
      const url = altere === 'autre' ? `${demande.url}/recus/${Number(route.request().url().split('/').pop()) - 1}` : undefined;
      const reponse = await route.fetch(url ? { url } : {});
      if (altere === 'autre') return route.fulfill({ response: reponse });
      const recu = await reponse.json();
      altere(recu);
      return route.fulfill({ response: reponse, json: recu });
    });
    await page.goto('about:blank');
    await page.goto(demande.url + adresse);
    await page.locator('#verdict').getByText('✗ Non vérifié').waitFor();
    assert.equal(await page.getByText('✓ Vérifié').count(), 0, quoi);
    console.log(`vu: ${quoi}: ${await page.locator('#verdict').textContent()}`);
  }
  await regarde(page, 'un reçu altéré');
  await context.close();
}

// For the README.
async function images(lecteur, storageState, adresses) {
  const acte = adresses.find((adresse) => adresse.startsWith('/actes/096'));
  const vues = lecteur === 'prefecture'
    ? [['actes', '/actes', { width: 1100, height: 800 }, 'light'], ['etroit', '/actes', { width: 390, height: 800 }, 'dark']]
    : lecteur === 'commune' ? [['acte', acte, { width: 1100, height: 1250 }, 'light'], ['journal', '/journal', { width: 1100, height: 800 }, 'dark']] : [];
  for (const [nom, adresse, viewport, colorScheme] of vues) {
    const context = await browser.newContext({ viewport, colorScheme, storageState });
    const page = await context.newPage();
    await page.goto(demande.url + adresse);
    if (nom === 'acte') await page.getByText('✓ Vérifié par ce navigateur').waitFor();
    await page.screenshot({ path: `${demande.images}/${nom}.png` });
    await context.close();
  }
}
