"""How close the product comes to what its libraries can do bare, measured in the same run (`./x bench`)."""
