"""What the data is: Arrow schemas of every table, record classes, canonical form and ids, outside formats."""
