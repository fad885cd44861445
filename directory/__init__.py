"""The school directory: readers of its formats, the model, distribution lists; it knows no mail protocol."""
