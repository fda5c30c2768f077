// Runs the code of one of Node-RED's function nodes as Node-RED does: `msg` and `node` are there, and what it returns goes to its outputs.
// Arguments: the flow's file, the node's id. Input: JSON of `msg`. Output: JSON {"sent", "status"}.
const fs = require('fs');
const [file, id] = process.argv.slice(2);
const code = JSON.parse(fs.readFileSync(file, 'utf8')).find(node => node.id === id).func;
let status = null;
const node = { status: value => { status = value; } };
const sent = new Function('msg', 'node', code)(JSON.parse(fs.readFileSync(0, 'utf8')), node);
console.log(JSON.stringify({ sent, status }));
