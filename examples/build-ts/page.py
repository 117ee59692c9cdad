import sys

with open(sys.argv[1], "w") as page:
    page.write("<h1>Built by a program</h1>\n")
