const specs = JSON.parse(document.getElementById("specs").textContent);
for (const [id, spec] of Object.entries(specs)) {
  vegaEmbed(document.getElementById(id), spec, { renderer: "svg", actions: false }).catch((error) => {
    document.getElementById(id).textContent = `This picture could not be drawn: ${error.message}`;
  });
}
