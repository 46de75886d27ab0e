"""`b2ct deploy` and `b2ct plan`: the stages of a site through ansible-playbook."""
