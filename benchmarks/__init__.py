"""Speed and accuracy of every method, measured side by side."""
