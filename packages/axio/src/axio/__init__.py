"""axio"""
