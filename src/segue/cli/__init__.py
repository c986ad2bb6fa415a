"""The command line: a thin face over ``segue.Library``. One file a command; what is heavy is imported when it runs."""
