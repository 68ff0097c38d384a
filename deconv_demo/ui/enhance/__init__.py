"""The Enhance tab: a picture in, a task, before and after."""
