"""The commands of the CLI, one module each; `waybill.main.COMMANDS` lists them."""
